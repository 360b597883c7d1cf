"""How to split an annotation budget between SFT and DPO: a study on the user's own data, prices and model."""
