"""The tuning stages: SFT and DPO of a local model, on the user's own machine."""
