"""What carries out rotations."""
