"""The hostile suite, and what each tier promises."""
