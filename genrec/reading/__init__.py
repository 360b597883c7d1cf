"""From the bytes of a check-in file to typed rows: text, records, formats, times, rows, catalogue."""
