"""Used by all rooms of the sandbox: records, faults, text, devices, temporary folders."""
