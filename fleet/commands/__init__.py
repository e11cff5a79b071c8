"""What the commands of this package share: endings.py, how a run ends, and the numbers in their options."""
