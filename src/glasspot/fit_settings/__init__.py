"""From a fit's checked TOML to the plan of the campaign."""
