"""The learning-rate pipeline on real data, from a table to a prediction."""
