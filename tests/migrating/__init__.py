"""Which kerasched expression stands for a schedule of another library."""
