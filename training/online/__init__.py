"""Online learning: a ranker that was trained before goes on learning from what people say of the places it names."""
