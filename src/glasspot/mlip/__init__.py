"""Machine-learned potentials: fitted to a data set, tested on what they have not seen, trusted or not in MD."""
