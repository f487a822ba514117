module github.com/simples-go/sessions/adopt

go 1.26.0

require github.com/simples-go/sessions v0.0.0

replace github.com/simples-go/sessions => ..
