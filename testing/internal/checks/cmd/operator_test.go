package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	strict "sigs.k8s.io/yaml"
)

// operatorFile returns a file that operators take as it is.
func operatorFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "operations", "files", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCrontab runs the crontab's command as cron does: by sh, with the file's variables and no others.
func TestCrontab(t *testing.T) {
	d := filled(t)["sqlite"](t)
	metrics := filepath.Join(t.TempDir(), "sessions.prom")
	env := map[string]string{}
	var command string
	for line := range strings.Lines(operatorFile(t, "crontab")) {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(name, " #") {
			env[name] = value
		} else if !strings.HasPrefix(line, "#") {
			command = cronCommand(t, line)
		}
	}
	if env["PATH"] == "" || env["SESSIONS_DATABASE_URL"] == "" || env["METRICS"] == "" {
		t.Fatalf("the variables are %v", env)
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Env = []string{"PATH=" + bin + ":" + env["PATH"], "SESSIONS_DATABASE_URL=" + d.url, "METRICS=" + metrics}
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("%v: cron would mail %q", err, out)
	}
	if left := d.count(t); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	if _, err := os.Stat(metrics); err != nil {
		t.Error(err)
	}
}

var cronLine = regexp.MustCompile(`^\*/10 \* \* \* \* [a-z]+ (.*)$`)

// cronCommand returns the command of a line of /etc/cron.d. In it, a % would be a line break.
func cronCommand(t *testing.T, line string) string {
	t.Helper()
	m := cronLine.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[1], "%") {
		t.Fatalf("not a line for /etc/cron.d: %q", line)
	}
	return m[1]
}

// TestSystemdUnits has systemd read service and timer, and runs the service's command.
func TestSystemdUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		absent(t, "no systemd-analyze (Debian's package systemd)")
	}
	dir := t.TempDir()
	service := strings.ReplaceAll(operatorFile(t, "sessions-gc.service"), "/usr/local/bin", bin)
	for name, text := range map[string]string{"sessions-gc.service": service, "sessions-gc.timer": operatorFile(t, "sessions-gc.timer")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, "sessions-gc.timer"),
		filepath.Join(dir, "sessions-gc.service")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "sessions-gc") {
		t.Errorf("%v: %s", err, out)
	}
	m := regexp.MustCompile(`(?m)^ExecStart=\S+/sessions-gc (.*)$`).FindStringSubmatch(service)
	if m == nil {
		t.Fatal("no ExecStart")
	}
	d := filled(t)["sqlite"](t)
	if r := parse(t, succeed(t, d.url, "sessions-gc", strings.Fields(m[1])...)); r.Deleted != 5000 {
		t.Errorf("it reports %+v", r)
	}
}

// TestKubernetes parses the manifests into Kubernetes's own types, where an unknown or doubled field is an error, and runs
// their commands.
func TestKubernetes(t *testing.T) {
	var cron batchv1.CronJob
	var job batchv1.Job
	for name, into := range map[string]any{"cronjob.yaml": &cron, "migrate-job.yaml": &job} {
		if err := strict.UnmarshalStrict([]byte(operatorFile(t, name)), into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cron.Kind != "CronJob" || cron.APIVersion != "batch/v1" || job.Kind != "Job" || job.APIVersion != "batch/v1" {
		t.Errorf("they are %s %s and %s %s", cron.APIVersion, cron.Kind, job.APIVersion, job.Kind)
	}
	url := "sqlite:" + filepath.Join(t.TempDir(), "live.db")
	container(t, url, job.Spec.Template.Spec)
	container(t, url, cron.Spec.JobTemplate.Spec.Template.Spec)
}

// container runs what a pod's one container would.
func container(t *testing.T, url string, pod corev1.PodSpec) {
	t.Helper()
	if len(pod.Containers) != 1 || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Fatalf("%d containers, restart policy %s", len(pod.Containers), pod.RestartPolicy)
	}
	c := pod.Containers[0]
	if len(c.Env) != 1 || c.Env[0].Name != "SESSIONS_DATABASE_URL" || c.Env[0].ValueFrom.SecretKeyRef == nil {
		t.Errorf("the environment is %v", c.Env)
	}
	if len(c.Command) != 1 {
		t.Fatalf("the command is %v", c.Command)
	}
	succeed(t, url, strings.TrimPrefix(c.Command[0], "/"), c.Args...)
}

// rules is the form of Prometheus's rule files.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// TestAlerts: the rules parse, and each metric that they name is one that sessions-gc writes.
func TestAlerts(t *testing.T) {
	decoder := yaml.NewDecoder(strings.NewReader(operatorFile(t, "alerts.yaml")))
	decoder.KnownFields(true)
	var r rules
	if err := decoder.Decode(&r); err != nil {
		t.Fatal(err)
	}
	d := filled(t)["sqlite"](t)
	file := filepath.Join(t.TempDir(), "sessions.prom")
	succeed(t, d.url, "sessions-gc", "--metrics-file", file)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`sessions_gc_\w+`)
	for _, rule := range r.Groups[0].Rules {
		names := metric.FindAllString(rule.Expr, -1)
		if len(names) == 0 || rule.Annotations["summary"] == "" || rule.For == "" {
			t.Errorf("rule %+v", rule)
		}
		for _, name := range names {
			if !strings.Contains(string(written), "\n"+name+"{") {
				t.Errorf("%s asks for %s, which is not written", rule.Alert, name)
			}
		}
	}
}

// TestDockerfile builds the image from static binaries and runs both commands in it, without a network.
func TestDockerfile(t *testing.T) {
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		absent(t, "no Docker engine: %s", out)
	}
	dir := t.TempDir()
	for _, name := range []string{"sessions-migrate", "sessions-gc"} {
		if err := os.Link(filepath.Join(bin, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(operatorFile(t, "Dockerfile")), 0o600); err != nil {
		t.Fatal(err)
	}
	const image = "sessions-tools-test"
	docker(t, "build", "-t", image, dir)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", image).Run() })
	volume := t.TempDir()
	if err := os.Chmod(volume, 0o777); err != nil {
		t.Fatal(err)
	}
	run := []string{"run", "--rm", "--network=none", "--read-only", "-v", volume + ":/data",
		"-e", "SESSIONS_DATABASE_URL=sqlite:/data/live.db", image}
	if out := docker(t, append(run, "/sessions-migrate", "up")...); !strings.Contains(out, "applied") {
		t.Errorf("sessions-migrate says %q", out)
	}
	if out := docker(t, run...); !strings.Contains(out, `"stopped":"done"`) {
		t.Errorf("sessions-gc says %q", out)
	}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
