"""What is measured: metrics of rankings, how sure their averages are, groups of examples."""
