"""What is compared: rankers, the language model at each profile level, trained models of other libraries."""
