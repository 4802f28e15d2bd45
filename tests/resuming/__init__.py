"""Compares runs that crash and resume to runs without interruption."""
