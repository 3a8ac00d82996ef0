"""What a loss costs, in time and memory, as ratios within one run."""
