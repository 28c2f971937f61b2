"""What runs inside the sandboxes of an evaluation, under a project's Python from 3.8 on."""
