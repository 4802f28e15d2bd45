"""The optimizer's update, as compiled code."""
