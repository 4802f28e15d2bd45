"""The source distribution and the wheels, built and tried as a user gets them."""
