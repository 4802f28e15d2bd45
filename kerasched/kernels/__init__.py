"""The update of an optimizer: by compiled code where it is faster, else by Keras."""
