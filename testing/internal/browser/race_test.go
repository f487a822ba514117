//go:build race

package browser

// raceFlag builds the program as the tests are.
const raceFlag = "-race"
