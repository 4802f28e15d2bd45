"""Builds and tests the source distribution and the wheels as a user gets them."""
