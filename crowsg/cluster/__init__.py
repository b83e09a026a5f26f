"""How nodes find and talk to one another: the link, envelopes, keys, membership."""
