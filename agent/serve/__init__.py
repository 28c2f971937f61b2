"""The MCP server: what an agent outside may read of the runs of a repository, and say to them."""
