//go:build !race

package checks

const race = false
