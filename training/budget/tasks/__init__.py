"""What a study asks: tasks, their questions, and the model that it starts from."""
