"""The kerasched equivalents of schedules of other libraries."""
