"""The update of an optimizer: compiled code, a framework's operations, or Keras's."""
