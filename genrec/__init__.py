"""GenRec: from check-ins to readable user profiles and an exact ranking of the next place.

Importing this package loads neither torch nor a model; each module loads what it needs
when it is used.
"""

import logging

# PEFT loads it where it is installed, and then it asks for kernels of GPUs.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

__version__ = "0.1.0"
