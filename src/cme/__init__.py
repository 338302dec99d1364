"""CME Flows: the system an English school runs so that no child goes missing from education unnoticed."""
