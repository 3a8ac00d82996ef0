"""What is done to a network's predictions after training."""
