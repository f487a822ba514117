// Package livetest holds the tests of package migrate that need a driver. They stand apart so that whoever imports migrate
// does not get the drivers' requirements with its tests.
package livetest
