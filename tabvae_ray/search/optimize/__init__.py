"""What is proposed, what is stopped early, and which model is best."""
