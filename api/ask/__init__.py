"""Questions to the store and the numbers, answered alike for HTTP, pages, commands and reports."""
