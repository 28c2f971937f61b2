"""What every room of the sandbox uses: records, faults, text, devices, temporary folders."""
