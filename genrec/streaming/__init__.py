"""From a file of check-ins that need not fit into memory to a prepared folder in parts.

intake.py reads the file once, in blocks, and puts rows of numbers into files by part; merging.py goes over these part
by part; preparing.py leads through the passes, and writing.py writes the folder. What is decided of a file as a whole
is decided from counts over all blocks, so that notes, repairs and ids are those that the same file gets when it is read
at once.
"""

from genrec.streaming.preparing import is_large, prepare

__all__ = ["is_large", "prepare"]
