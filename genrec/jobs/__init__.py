"""One map over many people or questions: in this process, in several, or on Ray; resumable, and always the same."""
