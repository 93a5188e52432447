"""Plugins that break their promises, one each, and the contracts that have to find them."""
