// The cluster's DNS server: CoreDNS with the few plugins that kubeadm's Corefile names, which is a third of the size
// of the full server. It is a module of its own because it needs an older client-go than Kubernetes does.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"

	// The plugins that kubeadm's Corefile names (and log, for debugging), no others.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

const corednsVersion = "1.12.1"

func main() {
	conf := flag.String("conf", "Corefile", "Corefile to load")
	version := flag.Bool("version", false, "show the version")
	flag.Parse()
	if *version {
		fmt.Printf("CoreDNS-%s\n%s/%s, %s\n", corednsVersion, runtime.GOOS, runtime.GOARCH, runtime.Version())
		return
	}

	log.SetOutput(os.Stdout)
	log.SetFlags(0)
	caddy.Quiet = true
	caddy.AppName, caddy.AppVersion = "CoreDNS", corednsVersion
	dnsserver.Port = dnsserver.DefaultPort
	caddy.TrapSignals()

	content, err := os.ReadFile(*conf)
	if err != nil {
		log.Fatal(err)
	}
	instance, err := caddy.Start(caddy.CaddyfileInput{Contents: content, Filepath: *conf, ServerTypeName: "dns"})
	if err != nil {
		log.Fatal(err)
	}
	instance.Wait()
}
