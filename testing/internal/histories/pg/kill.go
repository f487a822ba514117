package pg

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Kill ends every process of the server with SIGKILL, as a power cut does but for what the disk has.
func (s *Server) Kill() {
	s.Signal(syscall.SIGKILL)
	if s.done != nil {
		<-s.done
	}
}

// Signal sends a signal to the server and all its children, which lead groups of their own.
func (s *Server) Signal(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	pid := s.cmd.Process.Pid
	children := childrenOf(pid)
	_ = s.cmd.Process.Signal(sig)
	for _, child := range children {
		_ = syscall.Kill(child, sig)
	}
}

// Stop ends the server as an operator does.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	s.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	<-s.done
}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) []int {
	var children []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if id, err := strconv.Atoi(entry.Name()); err == nil {
			if parent, err := parentOf(id); err == nil && parent == pid {
				children = append(children, id)
			}
		}
	}
	return children
}

var errStat = errors.New("not a line of /proc/PID/stat")

func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 {
		return 0, errStat
	}
	return strconv.Atoi(fields[1])
}
