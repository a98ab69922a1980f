# What Kubernetes 1.33 calls otherwise than 1.34, or does not have.
s#/util/errors"#/util"#
s#HandleError#CheckErr#
s#NewKubeletCommand(context.Background())#NewKubeletCommand()#
\#^\t"context"$#d
\#GlogSetter#d
\#"k8s.io/component-base/logs"$#d
