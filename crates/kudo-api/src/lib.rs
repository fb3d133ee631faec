//! The KUDO custom resources: Operator, OperatorVersion and Instance of kudo.dev/v1beta1.
