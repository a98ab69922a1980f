// A webhook that marks recipes as tasted. It makes its own authority when it starts, and writes it into its configuration.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"time"
)

const (
	account       = "/var/run/secrets/kubernetes.io/serviceaccount"
	configuration = "https://kubernetes.default.svc/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tasting"
)

func main() {
	certificate, authority, err := certificate(os.Getenv("HOST"))
	if err != nil {
		log.Fatal(err)
	}
	// A webhook that is slow to start is what callers have to cope with.
	time.Sleep(2 * time.Second)
	if err := announce(authority); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/taste", taste)
	server := http.Server{
		Addr:      ":8443",
		Handler:   mux,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// certificate returns one for host that is its own authority, and the authority as PEM.
func certificate(host string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: host},
		DNSNames:              []string{host},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority, nil
}

// announce writes the authority into the webhook's configuration.
func announce(authority []byte) error {
	token, err := os.ReadFile(account + "/token")
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(account + "/ca.crt")
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(pem)
	bundle := base64.StdEncoding.EncodeToString(authority)
	patch := fmt.Sprintf(`[{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": %q}]`, bundle)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 5 * time.Second}
	// The configuration is applied last, so it may not be there yet.
	for attempt := 0; ; attempt++ {
		request, err := http.NewRequest(http.MethodPatch, configuration, bytes.NewBufferString(patch))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+string(token))
		request.Header.Set("Content-Type", "application/json-patch+json")
		response, err := client.Do(request)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s: %s", response.Status, body)
		}
		if attempt == 100 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func taste(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Request    struct {
			UID    string `json:"uid"`
			Object struct {
				Metadata struct {
					Labels map[string]string `json:"labels"`
				} `json:"metadata"`
			} `json:"object"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	labels := review.Request.Object.Metadata.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	labels["tasted"] = "yes"
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/metadata/labels", "value": labels}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": review.APIVersion,
		"kind":       review.Kind,
		"response":   map[string]any{"uid": review.Request.UID, "allowed": true, "patchType": "JSONPatch", "patch": patch},
	})
}
