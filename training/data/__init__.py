"""What is learned from: conversations, and pairs of a better and a worse answer."""
