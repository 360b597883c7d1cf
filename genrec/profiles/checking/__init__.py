"""What a sentence about a person claims, by a closed grammar, and whether counted visits bear it out."""
