module kind-harness/pause

go 1.24.0
