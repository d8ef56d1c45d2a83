"""The loop a person would write: propose, run, record, judge; and its record, so that a crash costs nothing."""
