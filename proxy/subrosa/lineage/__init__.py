"""What is remembered from one transfer to the next."""
