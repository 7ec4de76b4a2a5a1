"""What Sightline costs: measured, printed, kept in `bench/results/`."""
