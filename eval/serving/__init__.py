"""What serving costs: cold starts, and how long what nobody asks for is kept."""
